/** The file name of an explanation in a run's directory. */
export const EXPLANATION = "explain.json";
