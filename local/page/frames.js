// The two devices, as seen by the page around them. Each is a frame, because a page can have only one chat widget.

export class Frame {
  /** The caller on the device, and its customer. */
  state;

  constructor(name, root) {
    this.name = name;
    this.frame = root.querySelector('iframe');
  }

  /** Whether the device has reported its state. */
  get isReady() {
    return this.state !== undefined;
  }

  /** Sends the device a command, and resolves with its result. The commands are at the end of device.js. */
  send(command, details = {}) {
    const { port1, port2 } = new MessageChannel();
    return new Promise((resolve) => {
      port1.onmessage = ({ data }) => {
        resolve(data);
        port1.close();
      };
      this.frame.contentWindow.postMessage({ command, ...details }, location.origin, [port2]);
    });
  }
}

/** Calls `onState` when the state of a device has changed, and `onCall` after each call that it made. */
export function listen(frames, { onState, onCall }) {
  addEventListener('message', ({ origin, source, data }) => {
    const frame = frames.find(({ frame }) => frame.contentWindow === source);
    if (origin !== location.origin || !frame) return;
    if (data.type === 'call') onCall(frame, data.call);
    if (data.type !== 'state') return;
    frame.state = data.state;
    onState();
  });
  // A device may have reported its state before this listener existed.
  for (const frame of frames) frame.send('state');
}
