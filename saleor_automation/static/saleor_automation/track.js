/* Tells the Studio what happens on a shop's pages: see docs/track.md. No cookie; nothing is
   kept in the browser before saConsent(true); nothing is told where "do not track" is set. */
(function (w, d, n) {
  "use strict";
  var NAME = "sa_id", MOST = 20, KEPT = 200;
  var host = d.currentScript && d.currentScript.src ? new URL(d.currentScript.src).origin : "";
  var settings, id, user, consent, silent, timer, tries = 0, path = "", known = "", waiting = [];

  function make() {
    if (w.crypto && crypto.randomUUID) return crypto.randomUUID();
    // Pages without https have no randomUUID.
    return "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replace(/x/g, function () {
      return ((w.crypto ? crypto.getRandomValues(new Uint8Array(1))[0] : Math.random() * 256) & 15).toString(16);
    });
  }

  function storage(value) {
    // Undefined reads, "" forgets. A browser may refuse storage altogether.
    try {
      if (value === undefined) return w.localStorage.getItem(NAME);
      if (value) w.localStorage.setItem(NAME, value);
      else w.localStorage.removeItem(NAME);
    } catch (error) { return null; }
  }

  function push(type, fields) {
    if (!settings) return (w.saQueue = w.saQueue || []).push([push, [type, fields]]);
    if (silent) return;
    var call = {
      type: type, messageId: make(), anonymousId: id, timestamp: new Date().toISOString(),
      context: {
        page: { path: location.pathname, title: d.title, referrer: d.referrer },
        locale: d.documentElement.lang || n.language
      }
    };
    if (user) call.userId = user;
    for (var key in fields) call[key] = fields[key];
    waiting.push(call);
    if (waiting.length > KEPT) waiting.shift();
    later(waiting.length < MOST ? 300 : 0);
  }

  function later(pause) {
    if (d.prerendering) return d.addEventListener("prerenderingchange", function () { later(0); }, { once: true });
    if (!tries) clearTimeout(timer), timer = 0;
    timer = timer || setTimeout(flush, pause);
  }

  function flush(leaving) {
    clearTimeout(timer); timer = 0;
    if (!waiting.length || d.prerendering) return;
    var batch = waiting.splice(0, MOST), url = host + "/v1/batch";
    // As plain text: a browser then asks the Studio nothing beforehand.
    var body = JSON.stringify({ writeKey: settings.key, sentAt: new Date().toISOString(), batch: batch });
    if (leaving === true && n.sendBeacon && n.sendBeacon(url, new Blob([body], { type: "text/plain" }))) {
      return flush(true);
    }
    fetch(url, {
      method: "POST", body: body, keepalive: true, credentials: "omit", headers: { "Content-Type": "text/plain" }
    }).then(function (answer) {
      if (answer.status >= 500 || answer.status == 429 || answer.status == 408) throw answer;
      tries = 0;
      if (waiting.length) later(0);
    }).catch(function () {
      // The same calls again: each has its own id, so none counts twice.
      waiting = batch.concat(waiting).slice(-KEPT);
      later(Math.min(60, Math.pow(2, ++tries)) * 1000);
    });
  }

  function page(name, properties) {
    path = location.pathname;
    push("page", { name: name, properties: properties });
  }

  function moved() { if (location.pathname != path) setTimeout(page, 50); }

  var api = {
    saLoad: function (given) {
      if (settings) return;
      settings = given || {};
      host = (settings.host || host).replace(/\/$/, "");
      silent = n.doNotTrack == "1" || w.doNotTrack == "1" || n.globalPrivacyControl === true;
      consent = settings.consent === true && !silent;
      id = consent && storage() || make();
      if (consent) storage(id);
      if (settings.pages !== false) {
        ["pushState", "replaceState"].forEach(function (name) {
          var original = history[name];
          history[name] = function () { original.apply(history, arguments); moved(); };
        });
        w.addEventListener("popstate", moved);
        page();
      }
      w.addEventListener("pagehide", function () { flush(true); });
      d.addEventListener("visibilitychange", function () { if (d.visibilityState == "hidden") flush(true); });
    },
    saConsent: function (yes) {
      if (silent) return;
      consent = yes === true;
      // Who came back is who they were.
      if (consent) { id = storage() || id; storage(id); } else storage("");
    },
    saPage: page,
    saTrack: function (name, properties) { push("track", { event: name, properties: properties }); },
    saView: function (product) { api.saTrack("Product Viewed", product); },
    saAdd: function (product) { api.saTrack("Product Added", product); },
    saIdentify: function (who, traits) {
      if (who && typeof who == "object") { traits = who; who = ""; }
      var said = JSON.stringify([who, traits]);
      if (said == known) return;
      known = said;
      user = who || user;
      push("identify", { traits: traits || {} });
    },
    saReset: function () {
      id = make(); user = known = "";
      storage(consent ? id : "");
    }
  };

  var early = w.saQueue || [];
  w.saQueue = [];
  for (var name in api) w[name] = api[name];
  function run(calls) {
    calls.forEach(function (call) { (typeof call[0] == "string" ? api[call[0]] : call[0]).apply(null, call[1]); });
  }
  // What was asked for before the script came, loading first.
  run(early.filter(function (call) { return call[0] == "saLoad"; }));
  run(early.filter(function (call) { return call[0] != "saLoad"; }));
  var load = api.saLoad;
  w.saLoad = function (given) {
    load(given);
    var held = w.saQueue; w.saQueue = [];
    run(held);
  };
})(window, document, navigator);
