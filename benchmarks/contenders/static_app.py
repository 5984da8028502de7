"""A route without authentication: what FastAPI itself costs."""

from benchmarks.contenders.serving import arguments, serve
from fastapi import FastAPI

app = FastAPI()


@app.get("/me")
async def me() -> dict[str, str]:
    return {"id": "8d7c2b1e5f6a4c3d9e8f7a6b5c4d3e2f", "email": "user1@example.com"}


if __name__ == "__main__":
    arguments()
    serve(app)
