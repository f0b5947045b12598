// Saleor's AppBridge: how a page in a frame talks to the Dashboard around it.
//
// Knows the messages of the protocol and whom to believe: only the window around us, and
// only when its origin is one the Studio was told of. Never posts to "*": a message is
// for the Dashboard alone. Knows nothing of what the page shows.

const WAIT = 4000;

/** Turn "https://*.saleor.cloud" or "http://localhost:*" into a test for an origin. */
function pattern(entry) {
  const words = entry.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace("*\\.", "([a-z0-9_-]+\\.)+").replace(":*", "(:\\d+)?");
  return new RegExp(`^${words}$`);
}

/** The origin around us, as far as the browser says it. */
function around() {
  const ancestor = location.ancestorOrigins && location.ancestorOrigins[0];
  try {
    return ancestor || new URL(document.referrer).origin;
  } catch {
    return "";
  }
}

/** Dispatches "token", "theme" and "locale"; `token` and `locale` hold the newest. */
export class Bridge extends EventTarget {
  token = "";
  locale = "";
  version = 0;
  #allowed;
  #origin = "";
  #actions = 0;
  #answers = new Map();

  constructor(origins) {
    super();
    this.#allowed = origins.map(pattern);
    this.#trust(around());
    window.addEventListener("message", (event) => this.#hear(event));
  }

  /** Pin the Dashboard's origin: the first allowed one, and then that one only. */
  #trust(origin) {
    if (!this.#origin && this.#allowed.some((test) => test.test(origin))) this.#origin = origin;
    return this.#origin !== "" && origin === this.#origin;
  }

  #hear(event) {
    if (event.source !== window.parent || !this.#trust(event.origin)) return;
    const { type, payload } = event.data || {};
    if (!type || !payload) return;
    if (type === "handshake" || type === "tokenRefresh") {
      if (payload.dashboardVersion) this.version = parseFloat(payload.dashboardVersion);
      if (typeof payload.token === "string" && payload.token) this.#keep("token", payload.token);
    } else if (type === "theme") {
      this.#keep("theme", payload.theme);
    } else if (type === "localeChanged") {
      this.#keep("locale", payload.locale);
    } else if (type === "response") {
      this.#answers.get(payload.actionId)?.(payload.ok === true);
    }
  }

  #keep(name, value) {
    if (typeof value !== "string" || this[name] === value) return;
    this[name] = value;
    this.dispatchEvent(new Event(name));
  }

  /** Ask the Dashboard for something; resolves to whether it did it. */
  act(type, payload = {}) {
    if (!this.#origin) return Promise.resolve(false);
    const actionId = `sa-${Date.now()}-${++this.#actions}`;
    window.parent.postMessage({ type, payload: { actionId, ...payload } }, this.#origin);
    return new Promise((resolve) => {
      const settle = (ok) => {
        this.#answers.delete(actionId);
        resolve(ok);
      };
      this.#answers.set(actionId, settle);
      setTimeout(settle, WAIT, false);
    });
  }

  /** Wait for a token other than `used`; resolves to whether one came. */
  fresh(used) {
    this.act("notifyReady");
    return new Promise((resolve) => {
      const look = () => {
        if (this.token === used) return;
        this.removeEventListener("token", look);
        resolve(true);
      };
      this.addEventListener("token", look);
      setTimeout(() => {
        this.removeEventListener("token", look);
        resolve(this.token !== used);
      }, WAIT);
      look();
    });
  }
}
