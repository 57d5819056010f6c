import { workTasks } from "../../core/thread-tasks.js";
import { type ConsumeTask, Consuming } from "./consuming.js";

workTasks<ConsumeTask>((task) => new Consuming(task).run());
