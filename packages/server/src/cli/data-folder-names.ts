/** The names of files and folders in a data folder, and so in a backup. */

export const STORE_FOLDER = 'store';
export const BATCHES_FOLDER = 'batches';
export const BATCH_FILE_END = '.batch';
/** Stored with mode 0600. */
export const SECRET_FILES = ['admin-token', 'signing-key'] as const;
