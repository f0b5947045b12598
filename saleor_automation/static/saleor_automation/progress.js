/* Long work: what has data-sa-progress is fetched again every two seconds until it is done. */
(function () {
  'use strict';

  function look() {
    const strip = document.querySelector('[data-sa-progress]');
    if (!strip) return;
    window.setTimeout(function () {
      fetch(strip.dataset.saProgress, { credentials: 'same-origin' })
        .then(function (answer) {
          // Logged out meanwhile: that is another page.
          if (!answer.ok || answer.redirected) throw new Error('no progress');
          return answer.text();
        })
        .then(function (html) {
          const box = document.createElement('template');
          box.innerHTML = html;
          const fresh = box.content.querySelector('.sa-strip');
          if (fresh) strip.replaceWith(fresh);
          look();
        })
        .catch(function () {});
    }, 2000);
  }
  look();
})();
