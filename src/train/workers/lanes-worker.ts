import { workLanes } from "../lanes/thread.js";

workLanes();
