// The name is the one by which the site builder sees that it has to load no such script from outside.
// The search of the site runs in a Worker, and a browser starts none for a page that was opened from a folder. There a
// hidden frame takes its place: it loads the worker's script, and messages go to and fro as events.
if (location.protocol === "file:") {
  window.Worker = class FrameWorker extends EventTarget {
    constructor(address) {
      super();
      this.onmessage = null;
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.ready = new Promise((loaded) => this.frame.addEventListener("load", loaded, { once: true })).then(() => {
        const inside = this.frame.contentWindow;
        inside.postMessage = (data) => this.receive(data);
        inside.importScripts = async (...addresses) => {
          for (const one of addresses) await this.load(one);
        };
        return this.load(address);
      });
      document.body.append(this.frame);
    }

    load(address) {
      return new Promise((loaded, failed) => {
        const script = this.frame.contentDocument.createElement("script");
        script.src = address;
        script.onload = loaded;
        script.onerror = failed;
        this.frame.contentDocument.body.append(script);
      });
    }

    receive(data) {
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      if (this.onmessage) this.onmessage(event);
    }

    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
