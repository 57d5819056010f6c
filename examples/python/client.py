"""Asks a server for scores, with the standard library alone: python client.py http://localhost:8080 < request.json"""
import json, random, sys, time, urllib.error, urllib.request

def score(url, request, timeout=1.0, retries=2, token=None):
    end = time.monotonic() + timeout
    for attempt in range(retries + 1):
        left = end - time.monotonic()
        headers = {"content-type": "application/json", "x-request-timeout-ms": str(max(1, int(left * 1000)))}
        if token: headers["authorization"] = f"Bearer {token}"
        try:
            asked = urllib.request.Request(f"{url}/v1/score", json.dumps(request, allow_nan=False).encode(), headers)
            with urllib.request.urlopen(asked, timeout=max(left, 0.001)) as answer: return json.load(answer)
        except urllib.error.HTTPError as error:
            told = json.load(error)
            wait = float(error.headers.get("retry-after", 0)) + random.random() * 0.02 * 2**attempt
            if error.code not in (429, 503) or attempt == retries or time.monotonic() + wait > end:
                raise RuntimeError(f"{told['code']}: {told['error']} ({told.get('hint')})") from error
            time.sleep(wait)

if __name__ == "__main__": print(json.dumps(score(sys.argv[1], json.load(sys.stdin))))
