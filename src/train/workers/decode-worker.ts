import { workTasks } from "../../core/thread-tasks.js";
import { type DecodeTask, Decoding } from "./decoding.js";

workTasks<DecodeTask>(Decoding.run);
