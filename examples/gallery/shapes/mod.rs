//! Draw → model: one function a class of things. Each picks its proportions, materials and title; none knows of light.

pub mod bodies;
pub mod chess;
pub mod dwellings;
pub mod furniture;
pub mod garden;
pub mod harbour;
pub mod minerals;
pub mod orchard;
pub mod pastry;
pub mod playthings;
pub mod pottery;
pub mod pouring;
pub mod sea;
pub mod study;
pub mod towers;
pub mod trinkets;
pub mod workshop;
