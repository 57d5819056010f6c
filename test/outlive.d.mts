export function letNothingOutlive(folder: string): () => Promise<void>;
