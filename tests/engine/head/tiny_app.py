"""The smallest ASGI application on Ray Serve: it says its word and its setting."""

import os

from ray import serve


@serve.deployment(name="Tiny", max_constructor_retry_count=1)
@serve.ingress()
class Tiny:
    def __init__(self, word):
        self.word, self.setting = word, None
        if word == "broken":
            raise ValueError("this model cannot be loaded")

    def reconfigure(self, config):
        self.setting = config["setting"]

    def __serve_build_asgi_app__(self):
        async def app(scope, receive, send):  # a bound method would be taken for ASGI 2
            await self.answer(scope, receive, send)

        return app

    async def answer(self, scope, receive, send):
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": message["type"] + ".complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = f"{self.word} {self.setting} {os.getpid()}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


def build(args):
    return Tiny.bind(args["word"])
