# Quiver in a container. Everything comes from the npm registry and from the two base images; anybody can build the same.
#
#   docker build --tag quiver .
#   docker run --read-only --publish 127.0.0.1:8680:8680 --volume quiver-data:/data quiver

FROM node:20-bookworm-slim AS build
WORKDIR /src
COPY . .
RUN npm ci --ignore-scripts --no-audit --no-fund
# Both packages as npm would install them, and Bun as the runtime.
RUN node scripts/install-packed.mjs /app --packed /packed --with bun@1.4.5
# Install scripts are off, so the binary is put in place here; the second name of the same file would double the image.
WORKDIR /app
RUN node node_modules/bun/install.js && rm -f node_modules/bun/bin/bunx.exe
RUN mkdir /data

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Quiver" \
      org.opencontainers.image.description="Visitor-profile server, compatible with the profile APIs of Adobe Target" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /app /app
COPY --from=build --chown=10001:10001 /data /data
ENV QUIVER_HOST=0.0.0.0 \
    QUIVER_DATA=/data
USER 10001:10001
VOLUME /data
EXPOSE 8680
# Process 1 is the supervisor: SIGTERM and SIGINT stop it cleanly.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["/app/node_modules/bun/bin/bun.exe", "/app/node_modules/quiver-server/dist/main.js", "health"]
ENTRYPOINT ["/app/node_modules/bun/bin/bun.exe", "/app/node_modules/quiver-server/dist/main.js"]
CMD ["serve"]
