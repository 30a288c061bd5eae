"""Write the completion scripts anew."""

from . import FOLDER, write_scripts

if __name__ == "__main__":
    write_scripts(FOLDER)
