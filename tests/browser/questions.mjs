// placeholder
export const questions = [];
