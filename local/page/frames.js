// The two devices, as the page around them knows them. Each is a frame: a page has one chat widget at most.

export class Frame {
  /** Who uses it, and which customer they are. */
  state;

  constructor(name, root) {
    this.name = name;
    this.frame = root.querySelector('iframe');
  }

  /** Whether the device has said who uses it. */
  get isReady() {
    return this.state !== undefined;
  }

  /** What the device answers. See the end of device.js. */
  ask(command, details = {}) {
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

/** Calls `onState` when a device has something new to show, and `onCall` after each call that it made. */
export function listen(frames, { onState, onCall }) {
  addEventListener('message', ({ origin, source, data }) => {
    const frame = frames.find(({ frame }) => frame.contentWindow === source);
    if (origin !== location.origin || !frame) return;
    if (data.type === 'call') onCall(frame, data.call);
    if (data.type !== 'state') return;
    frame.state = data.state;
    onState();
  });
  // Those that were faster have said it before anybody listened.
  for (const frame of frames) frame.ask('state');
}
