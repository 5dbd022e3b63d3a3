import { LiveChatWidget, useWidgetIsReady } from '@livechat/widget-vue';
import { createIdentityProvider } from 'livechat-cip';
import { h, shallowRef } from 'vue';
import { logIn, logOut, session } from '../site.js';

let chats = 0;

export const App = {
  setup() {
    const chat = shallowRef(newChat());
    const isReady = useWidgetIsReady();

    function newChat() {
      const identityProvider = createIdentityProvider({
        baseUrl: 'https://cip.example.com',
        token: session,
        guest: true,
        // The identity has ended, here or in another tab. The component takes the widget away itself, and fails if that is done already.
        onLogout: () => {
          chat.value = undefined;
        },
      });
      chats += 1;
      return { key: chats, identityProvider };
    }

    /** A login or logout without a page load. */
    async function change(work) {
      // LiveChat's script keeps the identity that it was started with. While it starts, only a new page can give it another one.
      const reload = !isReady.value;
      await work();
      if (reload) location.reload();
      else chat.value = newChat();
    }

    async function endUser() {
      // While the session still stands.
      await chat.value?.identityProvider.logout();
      await logOut();
    }

    return () => [
      h('button', { onClick: () => change(logIn) }, 'Log in'),
      h('button', { onClick: () => change(() => endUser().then(logIn)) }, 'Switch user'),
      h('button', { onClick: () => change(endUser) }, 'Log out'),
      // A new key mounts the widget anew: it looks at its provider once.
      chat.value &&
        h(LiveChatWidget, {
          key: chat.value.key,
          organizationId: '11111111-1111-4111-8111-111111111111',
          customIdentityProvider: chat.value.identityProvider,
        }),
    ];
  },
};
