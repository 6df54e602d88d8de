# neurochip and the tools of its RTL, without PyTorch. Files go to the folder that is mounted:
#   docker build -t neurochip . && docker run --rm --user "$(id -u)" -v "$PWD":/work neurochip run mnist_quick --out first
# Linted by `make lint` and the tests (hadolint), which have no container engine: they do not build it.
FROM python:3.11-slim-bookworm AS wheel
WORKDIR /src
COPY LICENSE NOTICE README.md pyproject.toml setup.cfg ./
COPY neurochip neurochip
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
# Any version of the distribution's compiler and of Icarus Verilog will do.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ iverilog make \
    && rm -rf /var/lib/apt/lists/*
# setup.cfg says which versions of other packages fit; the wheel is taken by its path, so that no index is asked for the name.
COPY --from=wheel /wheels /wheels
# hadolint ignore=DL3013
RUN pip install --no-cache-dir "$(ls /wheels/neurochip-*.whl)[rtl]" \
    && useradd --create-home --uid 1000 neurochip \
    && install --directory --mode=1777 /cache
ENV NEUROCHIP_CACHE=/cache
USER 1000
WORKDIR /work
ENTRYPOINT ["neurochip"]
CMD ["--help"]
