/** Thrown when a request to owners is obsolete: its round is over, or the process stops working lanes. */
export class RoundOver extends Error {}
