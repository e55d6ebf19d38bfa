"""The dashboard: pages that the server renders, over the same views and flow functions as the API.

A page is whole without its script; live parts of it are asked for again and put in place (``static/app.js``).
"""
