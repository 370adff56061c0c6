# The lab with all that set-up makes, the kernel included. Binder builds this file as well, and names the user.
#   docker build --tag lab . && docker run --rm --publish 8888:8888 lab
FROM rust:1.95.0-bookworm

# Chromium prints reports to PDF. Debian's stable release fixes the versions.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv chromium fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*

ARG NB_USER=lab
ARG NB_UID=1000
RUN useradd --create-home --uid "$NB_UID" "$NB_USER" && install --directory --owner "$NB_USER" /lab
USER $NB_USER
WORKDIR /lab
COPY --chown=$NB_USER . .
RUN ./scripts/setup

# What scripts/lab sets, for a server that Binder starts. Binder runs `jupyter-lab` if `python3` can import JupyterLab.
ENV PATH="/lab/.venv/bin:$PATH" \
    JUPYTER_PATH=/lab/.venv/share/jupyter \
    JUPYTER_CONFIG_PATH=/lab/scripts/jupyter
EXPOSE 8888
CMD ["./scripts/lab", "--ip=0.0.0.0", "--no-browser"]
