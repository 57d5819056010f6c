// The thread of lanes, of single modules: single-modules.mjs begins it.
import { workLanes } from "../../dist/train/lanes/thread.js";

workLanes();
