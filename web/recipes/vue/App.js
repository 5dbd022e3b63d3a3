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
        // Called when the identity has ended, in this tab or another one. The component destroys the widget itself, and fails if it was
        // destroyed before.
        onLogout: () => {
          chat.value = undefined;
        },
      });
      chats += 1;
      return { key: chats, identityProvider };
    }

    /** A login or logout without a page load. */
    async function change(work) {
      // LiveChat's script keeps the identity that it was started with. Until it is ready, only a page load can change it.
      const reload = !isReady.value;
      await work();
      if (reload) location.reload();
      else chat.value = newChat();
    }

    async function endUser() {
      // While the session is still valid.
      await chat.value?.identityProvider.logout();
      await logOut();
    }

    return () => [
      h('button', { onClick: () => change(logIn) }, 'Log in'),
      h('button', { onClick: () => change(() => endUser().then(logIn)) }, 'Switch user'),
      h('button', { onClick: () => change(endUser) }, 'Log out'),
      // The widget reads its provider only once, so a new key creates a new widget.
      chat.value &&
        h(LiveChatWidget, {
          key: chat.value.key,
          organizationId: '11111111-1111-4111-8111-111111111111',
          customIdentityProvider: chat.value.identityProvider,
        }),
    ];
  },
};
