import { Component, signal } from '@angular/core';
import { LiveChatWidgetModule } from '@livechat/widget-angular';
import { createIdentityProvider, type ProviderFunction } from 'livechat-cip';
import { logIn, logOut, session } from '../site.js';

@Component({
  selector: 'app-root',
  standalone: true,
  imports: [LiveChatWidgetModule],
  // The adapter has no organizationId. A new provider in the list mounts the widget anew: it looks at its provider once.
  template: `
    <button (click)="logIn()">Log in</button>
    <button (click)="switchUser()">Switch user</button>
    <button (click)="logOut()">Log out</button>
    @for (identityProvider of chats(); track identityProvider) {
      <livechat-widget license="100000001" [customIdentityProvider]="identityProvider" (onReady)="isReady = true" />
    }
  `,
})
export class AppComponent {
  /** One, or none. A signal, for other tabs' logouts come from outside of Angular's zone. */
  readonly chats = signal([newChat(() => this.leave())]);
  isReady = false;

  readonly logIn = () => this.change(logIn);
  readonly switchUser = () => this.change(() => this.endUser().then(logIn));
  readonly logOut = () => this.change(() => this.endUser());

  /** A login or logout without a page load. */
  private async change(work: () => Promise<unknown>): Promise<void> {
    // LiveChat's script keeps the identity that it was started with. While it starts, only a new page can give it another one.
    const reload = !this.isReady;
    await work();
    if (reload) {
      location.reload();
      return;
    }
    this.isReady = false;
    this.chats.set([newChat(() => this.leave())]);
  }

  private async endUser(): Promise<void> {
    // While the session still stands.
    await this.chats()[0]?.logout();
    await logOut();
  }

  private leave(): void {
    this.isReady = false;
    this.chats.set([]);
  }
}

// With onLogout: the component takes the widget away itself, and fails if that is done already.
const newChat = (onLogout: () => void): ProviderFunction =>
  createIdentityProvider({ baseUrl: 'https://cip.example.com', token: session, guest: true, onLogout });
