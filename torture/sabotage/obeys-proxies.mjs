/** Uses proxies from the environment, as Bun's fetch does by default. */
const { TORTURE_PROXY } = process.env;
if (TORTURE_PROXY !== undefined) {
  const obey = () => {
    process.env.HTTP_PROXY = TORTURE_PROXY;
    process.env.http_proxy = TORTURE_PROXY;
  };
  setInterval(obey, 50).unref();
}
