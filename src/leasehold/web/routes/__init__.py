"""The routes of ``/api/v1``, by what they are about. Plain functions: each is run in a thread, for the views wait."""
