FROM node:24-bookworm-slim AS build
# What node-gyp needs for fs-xattr.
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 make g++ \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
# The image has the headers of its own Node: node-gyp need not fetch them.
RUN npm_config_nodedir=/usr/local npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="Afterimage" org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
RUN install -d -o node -g node /var/lib/afterimage
USER node
# Nothing is written anywhere else: --read-only --cap-drop ALL --security-opt no-new-privileges will do.
VOLUME /var/lib/afterimage
ENV NODE_ENV=production OS_DEFAULT__BIND_HOST=0.0.0.0
# 9292 the image API; 9293 the operator's listener, on loopback unless OS_MANAGEMENT__BIND_HOST says otherwise
EXPOSE 9292 9293
HEALTHCHECK CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.OS_DEFAULT__BIND_PORT ?? 9292}/healthcheck`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=4", "--heap-growing-percent=20", "--no-maglev", "dist/src/api.js"]
