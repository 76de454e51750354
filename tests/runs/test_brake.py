"""More pending unassignments than a person expects: none is written until a person says so."""


def test_too_many_are_held_back_and_told_by_campaign(shop):
    before = shop.crm()

    result = shop.run(HOLDERSYNC_MAX_UNASSIGNMENTS="5")

    assert result.code == 75
    assert (result.json["result"], result.json["parked_by"]) == ("parked", "brake")
    assert result.json["pending"] == result.json["events"]["new"] > 5
    assert shop.crm() == before
    assert "Spring Referral" in result.err
    assert f"--allow {result.json['pending']}" in result.err


def test_the_rows_that_are_pending_count_in_the_next_run_too(shop):
    pending = shop.run(HOLDERSYNC_MAX_UNASSIGNMENTS="5").json["pending"]

    again = shop.run(HOLDERSYNC_MAX_UNASSIGNMENTS="5")

    assert (again.code, again.json["pending"]) == (75, pending)


def test_a_persons_word_lets_them_through_once(shop, matches_truth):
    pending = shop.run(HOLDERSYNC_MAX_UNASSIGNMENTS="5").json["pending"]

    result = shop.run("--allow", str(pending), HOLDERSYNC_MAX_UNASSIGNMENTS="5")

    assert result.code == 0
    assert result.json["pending"] == 0
    assert matches_truth(shop)[0]


def test_a_word_for_fewer_is_not_enough(shop):
    pending = shop.run(HOLDERSYNC_MAX_UNASSIGNMENTS="5").json["pending"]

    result = shop.run("--allow", str(pending - 1), HOLDERSYNC_MAX_UNASSIGNMENTS="5")

    assert (result.code, result.json["pending"]) == (75, pending)
