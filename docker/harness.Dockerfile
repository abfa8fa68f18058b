# The image that the harness makes from one node binary. docker/README.md says what is in its root.
#
# The harness needs no builder for it: it imports the root as one archive and applies the instructions below, all but FROM and COPY. To build the same by hand, put the root
# into ./rootfs and run: docker build -f docker/harness.Dockerfile .
FROM scratch
COPY rootfs/ /
USER 65532:65532
WORKDIR /
EXPOSE 30333 9944
ENTRYPOINT ["/hegemon-node"]
