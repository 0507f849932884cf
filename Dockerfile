# The image of the action. Everything in it is made by `make image-root` in bin/image: the static binary, its second name
# for the post-entrypoint, a static busybox (some runners start the entrypoint through sh, env and tail) and the CA
# certificates. Nothing is fetched here. No USER and no WORKDIR: the runner wants root and sets the folder.
FROM scratch
COPY bin/image/ /
ENTRYPOINT ["/usr/local/bin/cutover"]
CMD ["action"]
