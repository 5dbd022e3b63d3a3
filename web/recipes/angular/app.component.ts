import { Component, signal } from '@angular/core';
import { LiveChatWidgetModule } from '@livechat/widget-angular';
import { createIdentityProvider, type ProviderFunction } from 'livechat-cip';
import { logIn, logOut, session } from '../site.js';

@Component({
  selector: 'app-root',
  standalone: true,
  imports: [LiveChatWidgetModule],
  // The adapter has no organizationId. The widget reads its provider only once, so a new provider in the list creates a new widget.
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
  /** One chat or none. It is a signal because logouts in other tabs arrive outside of Angular's zone. */
  readonly chats = signal([newChat(() => this.leave())]);
  isReady = false;

  readonly logIn = () => this.change(logIn);
  readonly switchUser = () => this.change(() => this.endUser().then(logIn));
  readonly logOut = () => this.change(() => this.endUser());

  /** A login or logout without a page load. */
  private async change(work: () => Promise<unknown>): Promise<void> {
    // LiveChat's script keeps the identity that it was started with. Until it is ready, only a page load can change it.
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
    // While the session is still valid.
    await this.chats()[0]?.logout();
    await logOut();
  }

  private leave(): void {
    this.isReady = false;
    this.chats.set([]);
  }
}

// With onLogout: the component destroys the widget itself, and fails if it was destroyed before.
const newChat = (onLogout: () => void): ProviderFunction =>
  createIdentityProvider({ baseUrl: 'https://cip.example.com', token: session, guest: true, onLogout });
