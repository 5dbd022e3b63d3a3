// The same, for a page that has no modules.
globalThis.shop = {
  provide: (options) => {
    shop.provider = livechatCip.createIdentityProvider(options);
  },
  call: (operation) =>
    shop
      .provider()
      [operation]()
      .then((value) => ({ value })),
};
