// What your site has already, in whatever form: who is logged in, the login, the logout.

/** The session's token, for calls to the backend; an empty text while nobody is logged in. */
export const session = async () => (await fetch('/session')).text();
export const logIn = () => fetch('/login', { method: 'POST' });
export const logOut = () => fetch('/logout', { method: 'POST' });
