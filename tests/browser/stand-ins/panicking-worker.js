// The package's worker with a module that traps; see trap.js.
import "./trap.js";
import "/package/worker.js";
