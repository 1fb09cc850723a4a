"""The demo: a real job is accepted, asks a person, is killed twice with SIGKILL, and finishes with nothing repeated.

__main__.py  the command: its arguments, its folder, its exit code
story.py     what is done to the job, and in which order
server.py    the service: another process, to be killed
client.py    its client: what is done to the job, over HTTP
person.py    who answers: you at the terminal, or the demo itself
tally.py     how often each step ran, by the steps' own count
screen.py    what is printed
"""
