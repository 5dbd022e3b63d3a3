// The page of shop.js, without modules.
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
