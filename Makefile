# Every command of the kit, one line each; `make` alone lists them. The code is in scripts/ and grader/.
#
# Variables: ROLLNUMBER, CONFIG (a file like configs/orders_stream.yml), PYTHON (3.10 to 3.12),
#            SPARK_MASTER, SERVICES=embedded|docker|external, PROGRAMS (a folder: whose producer and consumer run),
#            SUBMISSIONS, OUT, WORKERS, ROSTER, ONLY, ASSIGNMENT, LIVE, LOAD, SANDBOX, SCHEDULER (of grade-class; see
#            docs/instructor.md). OUT is also of handout, site, submit, gradescope,
#            github-classroom and starter, LEVEL and VERIFY of starter,
#            WEB, PORT (of watch), ARGS (of grade, handout, site, pictures, psql, kafka-topics, kafka-console and pyspark)
export ROLLNUMBER CONFIG PYTHON SPARK_MASTER SERVICES DRILL SEED RUNS PROGRAMS RECORD ARGS WEB PORT \
       SUBMISSIONS OUT WORKERS ROSTER ONLY ASSIGNMENT LIVE LOAD SANDBOX SCHEDULER LEVEL VERIFY
.DEFAULT_GOAL := help
.PHONY: help setup doctor up down status watch logs db topic producer consumer start stop round1 round2 round3 round4 load grade grade-class class-demo psql kafka-topics kafka-console pyspark submit gradescope github-classroom demo check test lint docs docs-check starter handout site pictures fidelity fuzz drills bench clean reset

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 25

setup: ## install a venv, the pinned packages, Java 17 and the jars; a second time takes seconds
	@scripts/kit setup

doctor: ## list what this machine lacks, and what to do about each
	@scripts/kit scripts doctor

up: ## start Postgres and Kafka
	@scripts/kit scripts up

down: ## stop the two programs, Kafka and Postgres; the data is kept
	@scripts/kit scripts down

status: ## show what runs, and how far the rows are
	@scripts/kit scripts status

watch: ## show live how the rows move: rows, offsets, lag, lake, quarantine, programs; WEB=1 as a local page
	@scripts/kit scripts watch

logs: ## show the end of every log
	@scripts/kit scripts logs

db: ## create the orders table with its base rows
	@scripts/kit scripts db

topic: ## create the Kafka topic; list and describe it
	@scripts/kit scripts topic

producer: ## run the producer in the foreground; Ctrl-C stops it
	@scripts/kit scripts producer

consumer: ## run the consumer in the foreground; Ctrl-C stops it
	@scripts/kit scripts consumer

start: ## start both programs in the background
	@scripts/kit scripts start

stop: ## stop both programs
	@scripts/kit scripts stop

round1: ## insert 5 rows, wait until the lake has them, record what changed
	@scripts/kit scripts round1

round2: ## the same with 5 later rows
	@scripts/kit scripts round2

round3: ## the same with 10 orders, 5 of them bad as in the assignment: only the 5 clean ones may arrive
	@scripts/kit scripts round3

round4: ## bad messages that the assignment does not name, on a lake of its own: advice, no marks
	@scripts/kit scripts round4

load: ## four writers insert for 20 s, on a lake of its own: says which orders were lost, and why; advice, no marks
	@scripts/kit scripts load

grade: ## grade the lake, the checkpoint and the state; writes reports/. ARGS=--all lists every check
	@scripts/kit grader grade $(ARGS)

grade-class: ## grade the submissions in SUBMISSIONS=dir, several at a time; writes OUT=reports/class. ONLY=failed|error|ROLL
	@scripts/kit scripts.classroom

class-demo: ## grade the small class of tests/submissions live, and compare with what must come out
	@scripts/kit tests.submissions.class_demo

psql: ## open psql on the config's database; ARGS="-c 'select 1'" passes options on
	@scripts/kit scripts psql

kafka-topics: ## list the topics of the broker; ARGS="--describe" shows their partitions
	@scripts/kit scripts kafka-topics

kafka-console: ## print the topic's messages with partition and offset; ARGS="--follow" waits for more
	@scripts/kit scripts kafka-console

pyspark: ## open a Spark shell with the lake as the view orders
	@scripts/kit scripts pyspark

submit: ## check what you hand in, grade it, and write OUT/<rollnumber>.zip; PROGRAMS names your own programs
	@scripts/kit scripts submit

gradescope: ## write OUT=autograder.zip for a Gradescope programming assignment
	@scripts/kit scripts.platforms gradescope

github-classroom: ## write the workflow that grades a student's repository on GitHub into OUT=dir
	@scripts/kit scripts.platforms github-classroom

demo: ## setup, up, db, topic, round1, round2, grade, down: all in one
	@scripts/kit scripts demo

check: ## run the fast tests: no services, JVM, venv or browser; about 25 s on two cores
	@scripts/kit pytest -n logical --maxprocesses 4 -m "not services and not jvm and not venv and not browser and not slow"

test: ## run all tests, with real services on their own ports
	@scripts/kit pytest -n 2 --dist loadfile

lint: ## run ruff, mypy, the check of import layers, and docs-check
	@scripts/kit ruff format --check . && scripts/kit ruff check . && scripts/kit mypy && scripts/kit scripts.layers && scripts/kit scripts.documents --check

docs: ## write the generated documents from the code and docs/measured/
	@scripts/kit scripts.documents

docs-check: ## name each generated document that is out of date
	@scripts/kit scripts.documents --check

starter: ## write the student's kit, without the solution, to OUT=dir; LEVEL=guided|plain, VERIFY=0 does not try it
	@scripts/kit scripts.starter

handout: ## write the assignment as Markdown, HTML and PDF into OUT=reports/handout, with the marks of the rubric
	@scripts/kit scripts.handout $(ARGS)

site: ## write the documents as a site that opens without a network into OUT=reports/site
	@scripts/kit scripts.site $(ARGS)

pictures: ## take the pictures of docs/pictures/ again, with Chromium, from evidence that is built for them
	@scripts/kit scripts.pictures $(ARGS)

fidelity: ## plant every known mistake and check that the grader catches it; LIVE=1 also runs faulty programs
	@scripts/kit scripts.fidelity

fuzz: ## grade N=10000 randomly damaged submissions: none may break the grader
	@scripts/kit grader.selftest.fuzz --runs $(or $(N),10000)

drills: ## inject faults into a running pipeline: DRILL=name, SEED=n, RUNS=n random ones, PROGRAMS=ours|naive, RECORD=1
	@scripts/kit scripts.drills

bench: ## measure, record in docs/measured/bench/ and write docs/benchmarks.md
	@scripts/kit scripts.bench

clean: ## remove reports, logs and caches
	@scripts/kit scripts clean

reset: ## stop everything and remove the data, the lake, the checkpoints and the state
	@scripts/kit scripts reset
