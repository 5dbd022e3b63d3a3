// The store: a JSON file with the token and the cookies of each user, by user id.
import { readFile, writeFile } from 'node:fs/promises';

const file = process.env.USERS_FILE || 'users.json';

export async function readUsers() {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}

export async function writeUsers(users) {
  await writeFile(file, JSON.stringify(users, null, 2));
}
