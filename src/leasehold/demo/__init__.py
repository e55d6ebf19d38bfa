"""The demo: transcribing recordings on machines that die meanwhile. Needs the extra ``demo``."""
