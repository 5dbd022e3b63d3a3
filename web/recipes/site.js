// The parts that your site already has in some form: the session, the login, the logout.

/** The session's token, for calls to the backend; an empty string while nobody is logged in. */
export const session = async () => (await fetch('/session')).text();
export const logIn = () => fetch('/login', { method: 'POST' });
export const logOut = () => fetch('/logout', { method: 'POST' });
