import assert from 'node:assert/strict';

/** Checks everything that the browser received and that `cargo local` printed in the whole run. */
export function assertNothingLeaked({ received, local }) {
  const tokens = received.filter(({ url, status }) => status === 200 && /\/get(Fresh)?Token\//.test(url));
  assert.ok(tokens.length > 0, 'no response with a token was recorded');

  for (const { url, text } of received) assert.ok(!text.includes('__lc_'), `a LiveChat cookie in ${url}:\n${text}`);

  const log = local.output();
  assert.ok(!log.includes('__lc_'), `a LiveChat cookie in the log:\n${log}`);
  for (const { url, text } of tokens) {
    const { accessToken } = JSON.parse(text.slice(text.indexOf('\n\n')));
    assert.ok(accessToken && !log.includes(accessToken), `a token in the log:\n${log}`);
    const user = new URL(url).pathname.split('/')[2];
    assert.ok(!log.includes(user) && !log.includes(decodeURIComponent(user)), `a user id in the log:\n${log}`);
  }
}
