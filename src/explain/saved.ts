/** What an explanation is called in a run's directory. */
export const EXPLANATION = "explain.json";
