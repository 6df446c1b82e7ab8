//! A folder of pictures → vectors → an index: the pipeline.

pub mod assemble;
