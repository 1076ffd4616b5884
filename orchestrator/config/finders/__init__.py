"""One module for each kind of file that tells how a project's server and services are started."""
