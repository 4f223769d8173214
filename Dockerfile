# The exchange in a container. Voice needs the host's network:
#   docker build -t zongji . && docker run --network host -v zongji:/var/lib/zongji zongji
FROM node:20-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund && (node_modules/.bin/bun --version || node node_modules/bun/install.js)
COPY . .
RUN npm run build

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends rtpengine-daemon ffmpeg espeak-ng ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /var/lib/zongji zongji \
 && install -d -o zongji -g zongji -m 0700 /var/lib/zongji
COPY --from=build /src/dist/zongji /usr/local/bin/zongji
# Bun without its topmost compiler, see docs/development.md.
ENV BUN_JSC_useFTLJIT=false
USER zongji
WORKDIR /var/lib/zongji
VOLUME /var/lib/zongji
EXPOSE 8080/tcp 8443/tcp 5060/udp 5060/tcp 5061/tcp 30000-39999/udp
STOPSIGNAL SIGTERM
ENTRYPOINT ["zongji"]
CMD ["serve", "--data", "/var/lib/zongji"]
