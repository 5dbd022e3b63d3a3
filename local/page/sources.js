// Where a response came from, in words. The keys are those of observe.js.

export const SOURCES = {
  store: 'table',
  livechat: 'LiveChat',
  waited: 'waited for another call',
  'store-livechat-down': 'table (LiveChat down)',
};
