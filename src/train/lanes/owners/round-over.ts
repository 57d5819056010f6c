/** The weights of a round that are asked for are gone, or no lane is worked any more. */
export class RoundOver extends Error {}
