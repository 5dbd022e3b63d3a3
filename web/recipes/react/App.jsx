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
      // Called when the identity has ended, in this tab or another one. The component destroys the widget itself, and fails if it was
      // destroyed before.
      onLogout: () => setChat(undefined),
    });
    chats += 1;
    return { key: chats, identityProvider };
  }

  /** A login or logout without a page load. */
  async function change(work) {
    await work();
    // LiveChat's script keeps the identity that it was started with. Until it is ready, only a page load can change it.
    if (isReady) setChat(newChat());
    else location.reload();
  }

  async function endUser() {
    // While the session is still valid.
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
        // The widget reads its provider only once, so a new key creates a new widget.
        <LiveChatWidget
          key={chat.key}
          organizationId="11111111-1111-4111-8111-111111111111"
          customIdentityProvider={chat.identityProvider}
        />
      )}
    </>
  );
}
