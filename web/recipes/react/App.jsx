import { LiveChatWidget, useWidgetIsReady } from '@livechat/widget-react';
import { createIdentityProvider } from 'livechat-cip';
import { useState } from 'react';
import { logIn, logOut, session } from '../site.js';

let chats = 0;

export function App() {
  const [chat, setChat] = useState(newChat);
  const isReady = useWidgetIsReady();

  function newChat() {
    const identityProvider = createIdentityProvider({
      baseUrl: 'https://cip.example.com',
      token: session,
      guest: true,
      // The identity has ended, here or in another tab. The component takes the widget away itself, and fails if that is done already.
      onLogout: () => setChat(undefined),
    });
    chats += 1;
    return { key: chats, identityProvider };
  }

  /** A login or logout without a page load. */
  async function change(work) {
    await work();
    // LiveChat's script keeps the identity that it was started with. While it starts, only a new page can give it another one.
    if (isReady) setChat(newChat());
    else location.reload();
  }

  async function endUser() {
    // While the session still stands.
    await chat?.identityProvider.logout();
    await logOut();
  }

  return (
    <>
      <button type="button" onClick={() => change(logIn)}>
        Log in
      </button>
      <button type="button" onClick={() => change(() => endUser().then(logIn))}>
        Switch user
      </button>
      <button type="button" onClick={() => change(endUser)}>
        Log out
      </button>
      {chat && (
        // A new key mounts the widget anew: it looks at its provider once.
        <LiveChatWidget
          key={chat.key}
          organizationId="11111111-1111-4111-8111-111111111111"
          customIdentityProvider={chat.identityProvider}
        />
      )}
    </>
  );
}
